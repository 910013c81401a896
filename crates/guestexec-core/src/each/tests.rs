use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::stream::{iter, repeat_with};
use tokio::time::sleep;

use super::*;

/// A list of so many targets, and how many were asked for.
fn list(length: usize) -> (Arc<AtomicUsize>, impl Stream<Item = Result<usize, usize>>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    (asked, repeat_with(move || Ok(counter.fetch_add(1, SeqCst))).take(length))
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_allowed_and_results_come_as_they_end() {
    let (asked, targets) = list(1000);
    let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let counts = running.clone();
    let each = Each::one_by_one(8, targets, move |target| {
        let counts = counts.clone();
        async move {
            counts.1.fetch_max(counts.0.fetch_add(1, SeqCst) + 1, SeqCst);
            // The first is the slowest of all.
            sleep(Duration::from_secs(if target == 0 { 10_000 } else { 1 })).await;
            counts.0.fetch_sub(1, SeqCst);
            target
        }
    });
    let mut each = each.concurrency(5);
    assert_eq!(
        (asked.load(SeqCst), format!("{each:?}").as_str()),
        (0, "Each(0 running, 5 at once)")
    );
    assert_eq!(each.next().await, Some(1));
    assert_eq!(asked.load(SeqCst), 5);
    let mut rest = each.await;
    assert_eq!((rest.len(), rest.pop()), (999, Some(0)));
    assert_eq!(running.1.load(SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn batches_are_begun_when_there_is_room_for_all_of_one() {
    let (asked, targets) = list(250);
    let begun = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sizes = begun.clone();
    let each = Each::in_batches(200, 100, targets, move |batch: Vec<usize>| {
        sizes.lock().unwrap().push(batch.len());
        iter(batch)
            .then(|target| async move {
                sleep(Duration::from_secs(1)).await;
                target
            })
            .boxed()
    });
    let mut each = each.concurrency(150);
    let mut done = 0;
    while each.next().await.is_some() {
        done += 1;
        // One batch runs; of the next, no more is asked for than there is room for.
        assert!(asked.load(SeqCst) <= done + 150, "{done}");
    }
    assert_eq!((done, begun.lock().unwrap().clone()), (250, vec![100, 100, 50]));
    let (_, targets) = list(7);
    let each = Each::in_batches(200, 100, targets, |batch| iter(batch).boxed());
    assert_eq!(each.concurrency(0).await.len(), 7);
}

#[tokio::test]
async fn what_a_list_ends_with_is_a_result_and_keeps_no_other_back() {
    let targets = iter([Ok(1), Err(100), Ok(2)]);
    let each = Each::one_by_one(1, targets, |target| async move { target });
    let mut all = each.await;
    all.sort_unstable();
    assert_eq!(all, [1, 2, 100]);
    let none =
        Each::one_by_one(1, iter(Vec::<Result<u8, u8>>::new()), |target| async move { target });
    assert!(none.await.is_empty());
}
