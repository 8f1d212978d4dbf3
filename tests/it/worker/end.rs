//! Commands as they end: stopped, too long, left behind, with all that they started.

use super::*;

#[tokio::test]
async fn stopping_ends_the_whole_process_group_and_children_that_left_it() {
    let w = Fixture::new();
    // A grandchild, one that ignores the polite signals, and a daemon: forked twice, with a session of its own.
    let line = "
        sh -c 'sleep 1000 & echo $! > grandchild; wait' &
        sh -c 'trap \"\" INT TERM; echo $$ > deaf; while :; do sleep 1000; done' &
        setsid sh -c 'sh -c \"trap \\\"\\\" HUP INT TERM; echo \\$\\$ > daemon; sleep 1000; sleep 1000\" & exit' &
        until [ -s grandchild ] && [ -s deaf ] && [ -s daemon ]; do :; done
        echo ready; wait";
    let ran = w.stop_when_it_says("ready", shell(line)).await;
    assert_eq!(ran.exit.unwrap(), Exit::Stopped);
    for name in ["grandchild", "deaf", "daemon"] {
        let pid = std::fs::read_to_string(w.directories().work.join(name)).unwrap();
        assert!(!is_alive(&pid), "{name} {pid} is alive");
    }
}

#[tokio::test]
async fn a_command_may_clean_up_when_it_is_interrupted() {
    let w = Fixture::new();
    let line = "trap 'echo cleaned > note; exit 0' INT; echo ready; while :; do sleep 0.01; done";
    let ran = w.stop_when_it_says("ready", shell(line)).await;
    assert_eq!(ran.exit.unwrap(), Exit::Stopped);
    assert_eq!(std::fs::read_to_string(w.directories().work.join("note")).unwrap(), "cleaned\n");
}

#[tokio::test]
async fn what_a_command_leaves_running_ends_with_it_and_does_not_hold_up_its_step() {
    let w = Fixture::new();
    let begun = Instant::now();
    let ran = w
        .run(shell("setsid sh -c 'echo $$ > daemon; exec sleep 1000' & until [ -s daemon ]; do :; done; echo done"))
        .await;
    assert_eq!((ran.code(), ran.out().as_str()), (0, "done\n"));
    assert!(begun.elapsed() < Duration::from_secs(100), "it did not wait for the sleep");
    assert!(!is_alive(&std::fs::read_to_string(w.directories().work.join("daemon")).unwrap()));
}

#[tokio::test]
async fn a_command_that_runs_too_long_or_is_silent_too_long_is_ended() {
    let w = Fixture::new();
    let ran = w
        .run(Command { timeout: Some(Duration::from_millis(200)), ..shell("while :; do echo x; sleep 0.01; done") })
        .await;
    assert_eq!(ran.exit.unwrap(), Exit::TimedOut);
    let ran = w.run(Command { idle_timeout: Some(Duration::from_millis(200)), ..shell("echo once; sleep 1000") }).await;
    assert_eq!(ran.out(), "once\n");
    assert_eq!(ran.exit.unwrap(), Exit::Idle);
    let talks = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done";
    assert_eq!(w.run(Command { idle_timeout: Some(Duration::from_secs(3)), ..shell(talks) }).await.code(), 0);
}

#[tokio::test]
async fn when_the_server_drops_a_command_all_of_it_ends() {
    let w = Fixture::new();
    let (sender, mut receiver) = mpsc::channel::<Output>(16);
    let line = "setsid sh -c 'trap \"\" INT TERM HUP; echo $$ > pid; sleep 1000; sleep 1000' & until [ -s pid ]; do :; done; echo ready; wait";
    let mut running = Box::pin(w.worker.run(shell(line), sender, CancellationToken::new()));
    let ready = async {
        while let Some(piece) = receiver.recv().await {
            if piece.channel == Channel::Stdout {
                return;
            }
        }
    };
    tokio::select! {
        exit = &mut running => panic!("{exit:?}"),
        () = ready => {}
    }
    drop(running);
    let pid = std::fs::read_to_string(w.directories().work.join("pid")).unwrap();
    while is_alive(&pid) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_command_whose_supervisor_is_killed_is_lost_and_ended() {
    let w = Fixture::with(Table { isolation: Isolation::None, ..table() }, |_| Hidden::default());
    let line = "setsid sh -c 'echo $$ > daemon; exec sleep 1000' & until [ -s daemon ]; do :; done; kill -9 $PPID; exec sleep 1000";
    let ran = w.run(shell(line)).await;
    assert_eq!(ran.exit.unwrap_err().to_string(), "the worker was lost: its supervisor was killed");
    assert!(!is_alive(&std::fs::read_to_string(w.directories().work.join("daemon")).unwrap()));
}
