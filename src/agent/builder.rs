//! An agent as a value: settings, and what a program that embeds one adds to them.

use std::collections::HashMap;

use pmq_pipeline::{Pipeline, PipelineLayer};
use pmq_transports::Listener;

use super::plugin::{self, Plugin};
use super::settings::Settings;

/// What is put around the stages of one network, each time that its pipeline is built.
pub(super) type Wrap = Box<dyn Fn(Pipeline) -> Pipeline + Send>;

/// An agent that has not started yet.
///
/// ```no_run
/// # async fn example(settings: pmq_agent::Settings) -> Result<(), Box<dyn std::error::Error>> {
/// let agent = pmq_agent::Agent::builder(settings).layer("weather", tower::limit::ConcurrencyLimitLayer::new(1)).build();
/// agent.run(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
/// # Ok(()) }
/// ```
pub struct Agent {
    pub(super) settings: Settings,
    pub(super) listeners: Vec<Listener>,
    pub(super) layers: HashMap<String, Vec<Wrap>>,
    pub(super) plugin: Option<Plugin>,
}

/// Makes an [`Agent`].
pub struct AgentBuilder(Agent);

impl Agent {
    /// An agent of these settings. Stages and codecs of one's own come with them: register them by name before the files are read.
    #[must_use]
    pub fn builder(settings: Settings) -> AgentBuilder {
        AgentBuilder(Self { settings, listeners: Vec::new(), layers: HashMap::new(), plugin: None })
    }
}

impl AgentBuilder {
    /// Lets parents in at `listener` too: those of the embedding program attach within the process. It must be made with limits that fit
    /// `settings.attach.max_frame_payload`.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.0.listeners.push(listener);
        self
    }

    /// Wraps the stages in front of a network's validation queue in a tower layer; what is added later stands outside. A layer's service may
    /// wait in `poll_ready` alone. One that panics, fails or swallows a message ends that network's pipeline, which is built anew, and no other.
    ///
    /// A network that the settings do not name is an error of [`Agent::run`].
    #[must_use]
    pub fn layer(mut self, network: impl Into<String>, layer: impl PipelineLayer + Send + 'static) -> Self {
        self.0.layers.entry(network.into()).or_default().push(Box::new(move |pipeline| layer.wrap(pipeline)));
        self
    }

    /// Leaves with the host that has started this process as its plugin.
    #[must_use]
    pub fn plugin(mut self, plugin: Plugin) -> Self {
        let within = &mut self.0.settings.agent.shutdown_within;
        *within = plugin::WITHIN.min(*within);
        self.0.plugin = Some(plugin);
        self
    }

    /// The agent.
    #[must_use]
    pub fn build(self) -> Agent {
        self.0
    }
}
