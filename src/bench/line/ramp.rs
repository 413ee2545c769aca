//! The search for the highest rate that loses nothing.

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ramp {
    /// Where to begin.
    pub(crate) from: f64,
    /// The first step up or down, as a factor above 1. Further steps the same way grow.
    pub(crate) factor: f64,
    /// Nothing above is tried.
    pub(crate) up_to: f64,
    /// Nothing below is tried: 0 is the answer then.
    pub(crate) down_to: f64,
    /// The answer is below the lowest rate that failed by at most this factor.
    pub(crate) exact: f64,
    /// How often a rate that failed is tried again: one hiccup of the machine is no limit of the contender.
    pub(crate) again: u32,
}

/// Most tries: a limit that moves while it is looked for must not be chased for ever.
const TRIES: u32 = 40;

/// The highest rate that `holds` was true of.
///
/// # Errors
/// Those of `holds`.
pub(crate) async fn highest<E>(ramp: Ramp, mut holds: impl AsyncFnMut(f64) -> Result<bool, E>) -> Result<f64, E> {
    let (mut held, mut failed) = (None::<f64>, None::<f64>);
    let (mut rate, mut factor) = (ramp.from.clamp(ramp.down_to, ramp.up_to), ramp.factor);
    for _ in 0..TRIES {
        let mut good = holds(rate).await?;
        for _ in 0..ramp.again {
            good = good || holds(rate).await?;
        }
        if good {
            held = Some(rate)
        } else {
            failed = Some(rate)
        }
        rate = match (held, failed) {
            (Some(held), Some(failed)) if failed / held <= ramp.exact => break,
            (Some(held), Some(failed)) => (held * failed).sqrt(),
            (Some(held), None) if held >= ramp.up_to => break,
            (Some(held), None) => (held * factor).min(ramp.up_to),
            (None, Some(failed)) if failed <= ramp.down_to => break,
            (None, Some(failed)) => (failed / factor).max(ramp.down_to),
            (None, None) => break,
        };
        factor = (factor * factor).min(LARGEST);
    }
    Ok(held.unwrap_or(0.0))
}

/// Largest step, as a factor.
const LARGEST: f64 = 2.0;

#[cfg(test)]
#[path = "ramp_tests.rs"]
mod tests;
