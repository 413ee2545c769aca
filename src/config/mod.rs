//! Reads files, keeps spans, gives every room its own settings and turns its complaint into file:line:column.
