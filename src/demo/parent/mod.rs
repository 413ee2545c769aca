//! A parent process. Of PMQ it uses the public client, nothing else.

mod setup;
