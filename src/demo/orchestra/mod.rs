//! The run: who is there, their files and processes, what happens when.

mod topology;
