// Included by the examples in the documentation, and compiled nowhere else: an agent of one node in memory. It offers one message,
// "report 0", delivers what is accepted or published, and carries out every request.

async fn start_agent(name: &str) {
    use pmq_protocol::session::{AgentEnd, AgentEvent, AgentTerms, Grant, NetworkTerms, Request};
    use pmq_transports::{Address, Listener};
    use pmq_protocol::wire::message::Judged;
    use pmq_protocol::wire::{Cursor, Limits, MessageId, Offer, PublishStatus, Record, Roles, SessionId, Ticket, Verdict};
    use std::time::{Duration, Instant};

    let address = Address::Memory(name.into());
    let mut listener = Listener::bind(&address, 100, Limits::default()).await.unwrap();
    tokio::spawn(async move {
        let network = NetworkTerms { name: "weather".into(), deadline: Duration::from_secs(4), max_payload: 1 << 20, groups: vec!["format".into(), "content".into()] };
        let terms = std::sync::Arc::new(AgentTerms { networks: vec![network], ..AgentTerms::default() });
        let grant = Grant { network: "weather".into(), roles: Roles::ALL };
        let mut link = listener.accept().await.unwrap();
        let mut end = AgentEnd::new(vec![grant], terms, SessionId(1), Instant::now());
        let (mut counter, mut roles) = (0u64, Roles::NONE);
        while let Some(Ok(frame)) = futures::StreamExt::next(&mut link.incoming).await {
            let now = Instant::now();
            end.receive(frame, now).unwrap();
            while let Some(event) = end.poll_event() {
                let mut accepted = Vec::new();
                match event {
                    AgentEvent::Hello { networks, .. } => {
                        roles = networks[0].roles;
                        end.welcome(&[Cursor { stream: 1, counter: 0 }], now).unwrap();
                        if roles.serves(Roles::VERIFY) {
                            let (id, deadline) = (MessageId::new(b"0").unwrap(), now + Duration::from_secs(4));
                            let offer = Offer { ticket: Ticket(1), topic: "weather/reports".into(), id, payload: "report 0".into(), deadline };
                            end.validate(0, &[offer], now).unwrap();
                        } else {
                            accepted.push("report 0".into());
                        }
                    }
                    AgentEvent::Verdicts { frame, .. } => {
                        let yes = frame.items::<Judged<'_>>().unwrap().filter(|judged| judged.verdict == Verdict::Accept);
                        accepted.extend(yes.map(|_| "report 0".into()));
                    }
                    AgentEvent::Request { request, what: Request::Publish { payload, .. }, .. } => {
                        end.published(0, request, PublishStatus::Ok, MessageId::new(&payload[..8]).unwrap(), 3, "").unwrap();
                        accepted.push(payload);
                    }
                    AgentEvent::Request { request, .. } => end.done(0, request).unwrap(),
                    _ => {}
                }
                for payload in accepted.into_iter().filter(|_| roles.contains(Roles::CONSUME)) {
                    counter += 1;
                    let id = MessageId::new(&counter.to_le_bytes()).unwrap();
                    end.records(0, &[Record::Message { counter, topic: "weather/reports".into(), id, payload }]).unwrap();
                }
            }
            while let Some(frame) = end.poll_frame() {
                let sent = futures::SinkExt::send(&mut link.outgoing, frame).await;
                // The parent may have gone in the meantime: then the next read ends.
                drop(sent);
            }
        }
    });
}
