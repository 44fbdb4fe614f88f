//! Servers that tests start for themselves: each in a folder of its own, on a socket or port of its own, ended with the test.

pub(crate) mod cron;
pub(crate) mod http;
mod mariadb;
mod postgres;
mod process;
mod redis;
pub(crate) mod s3;
mod systemd;

pub(crate) use mariadb::MariaDb;
pub(crate) use postgres::{Edition, Postgres, program};
pub(crate) use process::{as_account, give_to, said};
pub(crate) use redis::Redis;
pub(crate) use systemd::Systemd;
