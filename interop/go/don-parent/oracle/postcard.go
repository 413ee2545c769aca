package oracle

import "errors"

// errUnreadable is told of bytes that are no message of the network.
var errUnreadable = errors.New("the bytes are no message of the demo")

// A writer puts values behind each other as postcard does (https://postcard.jamesmunns.com/wire-format).
type writer []byte

func (w *writer) byte(b byte) { *w = append(*w, b) }

func (w *writer) bytes(b []byte) { *w = append(*w, b...) }

func (w *writer) uint(n uint64) {
	for ; n >= 0x80; n >>= 7 {
		w.byte(byte(n) | 0x80)
	}
	w.byte(byte(n))
}

func (w *writer) int(n int64) { w.uint(uint64(n)<<1 ^ uint64(n>>63)) }

// A reader takes them apart again. After the first error everything it answers is zero.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || len(r.rest) < n {
		r.err = errUnreadable
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) uint() uint64 {
	var n uint64
	for shift := uint(0); shift < 64; shift += 7 {
		b := r.byte()
		// The tenth byte has one bit of the 64 left.
		if shift == 63 && b > 1 {
			break
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.err = errUnreadable
	return 0
}

func (r *reader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

// count reads how many items of at least size bytes follow: never more than there are bytes for.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.rest)/size) {
		r.err = errUnreadable
		return 0
	}
	return int(n)
}

// end answers the first error; bytes left over are one.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = errUnreadable
	}
	return r.err
}
