//! Machines by SSH, on simulated servers: real sshds and Dockers behind real links.

mod faults;
mod life;
mod refusals;
mod site;
