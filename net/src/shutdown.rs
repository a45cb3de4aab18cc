//! The shutdown switch, which every thread can read and wait for.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use os_thread::{SERVICE_STACK_BYTES, lock};

use crate::limit::END_DEADLINE;

/// A switch that is set once, when the process shuts down. Clones share the switch.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Inner>);

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    begun: AtomicBool,
    /// Hooks that have not been called. `begun` changes only under this lock.
    hooks: Mutex<Vec<Hook>>,
    changed: Condvar,
}

impl Shutdown {
    /// A switch that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the switch, wakes the threads that wait for it, and calls the hooks on this thread. A second call does nothing.
    pub fn begin(&self) {
        let hooks = {
            let mut hooks = lock(&self.0.hooks);
            self.0.begun.store(true, Ordering::SeqCst);
            std::mem::take(&mut *hooks)
        };
        self.0.changed.notify_all();
        // Without the lock: a hook may call `has_begun` or add another hook.
        hooks.into_iter().for_each(|hook| hook());
    }

    /// Whether the switch is set. Costs one atomic load.
    pub fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Waits until the switch is set.
    pub fn wait(&self) {
        let guard = lock(&self.0.hooks);
        drop(
            self.0
                .changed
                .wait_while(guard, |_| !self.has_begun())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Waits until the switch is set, at most `time`. Returns whether it is set.
    pub fn wait_for(&self, time: Duration) -> bool {
        let guard = lock(&self.0.hooks);
        drop(
            self.0
                .changed
                .wait_timeout_while(guard, time, |_| !self.has_begun())
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.has_begun()
    }

    /// Calls `hook` once: when the switch is set, or now if it is set already.
    pub fn on_begin(&self, hook: impl FnOnce() + Send + 'static) {
        {
            let mut hooks = lock(&self.0.hooks);
            if !self.has_begun() {
                hooks.push(Box::new(hook));
                return;
            }
        }
        hook();
    }
}

/// From now on SIGTERM and SIGINT set the switch. So does SIGHUP if the program was started from a terminal (`has_terminal`),
/// because it then means that the terminal was closed; otherwise SIGHUP asks to reload. Further signals have no effect. The
/// process ends [`END_DEADLINE`] after the first signal, even if something hangs.
///
/// # Errors
/// The handlers could not be installed or a thread not started.
pub fn on_signals(shutdown: &Shutdown, has_terminal: bool) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let begun = shutdown.clone();
    os_thread::spawn("end", SERVICE_STACK_BYTES, move || {
        begun.wait();
        std::thread::sleep(END_DEADLINE);
        tracing::warn!("some threads did not end in time; the program ends now");
        std::process::exit(0);
    })?;
    let shutdown = shutdown.clone();
    os_thread::spawn("signals", SERVICE_STACK_BYTES, move || {
        for signal in signals.forever() {
            if signal == SIGHUP && !has_terminal {
                tracing::info!("SIGHUP: there is nothing to reload");
            } else if shutdown.has_begun() {
                tracing::info!("asked again to stop: still finishing what was accepted");
            } else {
                tracing::info!("asked to stop: finishing what was accepted");
                telemetry::notify::stopping();
                shutdown.begin();
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_hook_is_called_exactly_once_early_or_late() {
        let shutdown = Shutdown::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let hook = |calls: &Arc<AtomicUsize>| {
            let calls = Arc::clone(calls);
            move || {
                calls.fetch_add(1, Ordering::SeqCst);
            }
        };
        shutdown.on_begin(hook(&calls));
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        shutdown.begin();
        shutdown.begin();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        shutdown.on_begin(hook(&calls));
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn waiting_ends_when_it_begins_and_not_before() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.wait_for(Duration::from_millis(1)));
        let begin = shutdown.clone();
        let thread = os_thread::spawn("begin", 64 * 1024, move || begin.begin()).unwrap();
        shutdown.wait();
        assert!(shutdown.wait_for(Duration::ZERO));
        thread.join().unwrap();
    }
}
