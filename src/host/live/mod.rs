//! The running machine: its kernel, sockets and files, with no child process.
