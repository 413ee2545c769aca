//! What each signal means to a running agent.
//!
//! | signal | effect |
//! |---|---|
//! | TERM, INT, QUIT | drain, then exit 0 |
//! | HUP | a log line: there is no reload |
//! | USR1, USR2, ALRM, VTALRM, PROF, IO, PWR | nothing |

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that end a process which has no handler for them, and mean nothing here.
const IGNORED: [Number; 7] = [Number::USR1, Number::USR2, Number::ALARM, Number::VTALARM, Number::PROF, Number::IO, Number::POWER];

/// Ready when the agent is told to leave: by a signal or, with `with_stdin`, by the end of standard input. From this call on no signal of the
/// table above ends the process.
///
/// # Errors
/// When a handler or the thread that reads standard input cannot be had.
pub(super) fn leave(with_stdin: bool) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let ignored = IGNORED.map(|number| signal(SignalKind::from_raw(number.as_raw())).map(|signal| (number, signal)));
    let mut ignored: Vec<(Number, Signal)> = ignored.into_iter().collect::<io::Result<_>>()?;
    let (closed, mut stdin) = tokio::sync::oneshot::channel();
    if with_stdin {
        // A thread of its own, since reading standard input cannot be cancelled; it ends with the process.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            // An error means the same as the end.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = closed.send(());
        })?;
    }
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return tracing::info!("SIGTERM received"),
                _ = interrupt.recv() => return tracing::info!("SIGINT received"),
                _ = quit.recv() => return tracing::info!("SIGQUIT received"),
                Ok(()) = &mut stdin, if with_stdin => return tracing::info!("standard input closed"),
                _ = hangup.recv() => tracing::info!("SIGHUP ignored: there is no reload; restart the agent for a new configuration"),
                number = any(&mut ignored) => tracing::debug!(?number, "signal ignored"),
            }
        }
    })
}

/// The next of several signals.
async fn any(signals: &mut [(Number, Signal)]) -> Number {
    poll_fn(|cx| match signals.iter_mut().find_map(|(number, signal)| signal.poll_recv(cx).is_ready().then_some(*number)) {
        Some(number) => Poll::Ready(number),
        None => Poll::Pending,
    })
    .await
}
