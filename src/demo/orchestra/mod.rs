//! The run: who is there, their files and processes, what happens when.

mod closing;
mod gopher;
mod health;
mod layout;
mod observer;
mod processes;
mod run;
mod topology;

pub(crate) use run::{Interrupted, Run};
