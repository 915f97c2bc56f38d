#![allow(dead_code)]
mod host;
mod model;

fn main() {}
