//! Three networks of real agents and real parents on one machine.
