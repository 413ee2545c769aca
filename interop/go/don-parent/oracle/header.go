package oracle

import "encoding/binary"

// A header is what agents read of a message: the codec "pmq", with an origin of 32 bytes.
type header struct {
	origin [32]byte
	epoch  uint64
	seq    uint64
}

// headerLength is that of a header with an origin of 32 bytes, in bytes.
const headerLength = 60

// seal puts header, content and signatures together.
func seal(h header, content, signatures []byte) []byte {
	sealed := make([]byte, 28, headerLength+len(content)+len(signatures))
	copy(sealed, "PMQ\x01\x01")
	binary.LittleEndian.PutUint64(sealed[8:], h.epoch)
	binary.LittleEndian.PutUint64(sealed[16:], h.seq)
	binary.LittleEndian.PutUint32(sealed[24:], uint32(len(content)))
	sealed = append(sealed, h.origin[:]...)
	return append(append(sealed, content...), signatures...)
}

// split takes a message apart. A header with an origin of 20 bytes is none of this network's.
func split(sealed []byte) (h header, content, signatures []byte, err error) {
	if len(sealed) < headerLength || string(sealed[:8]) != "PMQ\x01\x01\x00\x00\x00" {
		return h, nil, nil, errUnreadable
	}
	h.epoch = binary.LittleEndian.Uint64(sealed[8:])
	h.seq = binary.LittleEndian.Uint64(sealed[16:])
	copy(h.origin[:], sealed[28:])
	length, body := uint64(binary.LittleEndian.Uint32(sealed[24:])), sealed[headerLength:]
	if uint64(len(body)) < length {
		return h, nil, nil, errUnreadable
	}
	return h, body[:length], body[length:], nil
}
