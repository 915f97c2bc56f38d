#![allow(dead_code)]
mod catalog;
mod exit;
mod facts;
mod host;
mod model;
mod units;

fn main() {}
