//! Attacks. During and after each, others are served.

/// Sixty connections that ask for the biggest pages and read nothing.
mod big_pages;
/// More connections than an account may have.
mod connections;
/// More connections than there are descriptors.
mod descriptors;
/// Frames that no good client sends.
mod frames;
/// Clients that end their side while they take nothing.
mod half_closed;
/// Heads and bodies that no good client sends.
mod heads;
/// Hellos with wrong tokens.
mod hellos;
/// Clients that leave while their requests are under way.
mod leaving;
/// Two hundred passwords to check at once.
mod logins;
/// More than an account may send.
mod rates;
/// A receiver that never reads.
mod slow_reader;
/// Everybody drops and comes back at once, again and again.
mod storm;
