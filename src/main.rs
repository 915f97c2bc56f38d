#![allow(dead_code)]
mod catalog;
mod exit;
mod facts;
mod host;
mod judge;
mod model;
mod units;

fn main() {}
