//! A build that keeps nothing: what a step logs is read and forgotten.

use crate::engine::interpolate::Values;
use crate::engine::step::{ArtifactError, ArtifactSink, StepHost};
use crate::model::property::Properties;
use crate::status::resource::TestCase;
use crate::worker::{Output, OutputSender};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::sync::{mpsc, watch};

/// Pieces of output on the way.
const QUEUED_MAX: usize = 16;

/// A build that counts summaries and keeps nothing.
#[derive(Debug, Default)]
pub struct Nowhere {
    /// How many summaries were said.
    pub n_summaries: watch::Sender<usize>,
}

/// Reads a log to its end.
pub fn forget() -> OutputSender {
    let (sender, mut output) = mpsc::channel::<Output>(QUEUED_MAX);
    tokio::spawn(async move { while output.recv().await.is_some() {} });
    sender
}

#[async_trait]
impl StepHost for Nowhere {
    fn properties(&self) -> Properties {
        Properties::default()
    }

    fn fill(&self, settings: &Value, is_shell_line: &(dyn Fn(&str) -> bool + Sync)) -> Result<Value, String> {
        Values { properties: &Properties::default(), declared: &BTreeSet::new() }.fill(settings, is_shell_line)
    }

    async fn set_property(&self, _name: &str, _value: Value) -> Result<(), String> {
        Ok(())
    }

    async fn log(&self, _name: &str) -> Result<OutputSender, String> {
        Ok(forget())
    }

    async fn summary(&self, _text: &str) -> Result<(), String> {
        self.n_summaries.send_modify(|n| *n += 1);
        Ok(())
    }

    async fn link(&self, _name: &str, _url: &str) -> Result<(), String> {
        Ok(())
    }

    async fn statistic(&self, _name: &str, _value: f64) -> Result<(), String> {
        Ok(())
    }

    async fn test_results(&self, _cases: Vec<TestCase>) -> Result<(), String> {
        Ok(())
    }

    async fn artifact(&self, _name: &str) -> Result<Box<dyn ArtifactSink>, ArtifactError> {
        Err(ArtifactError::Invalid("nothing is kept here".to_owned()))
    }
}
