//! What go-plugin expects of every plugin.

use std::pin::Pin;

use futures::Stream;
use futures::stream::pending;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use pmq_transports::grpc::plugin::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use pmq_transports::grpc::plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use pmq_transports::grpc::plugin::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use pmq_transports::grpc::plugin::{ConnInfo, Empty, StdioData};

pub(super) fn add(routes: Routes, leave: CancellationToken) -> Routes {
    routes
        .add_service(GrpcControllerServer::new(Controller(leave)))
        .add_service(GrpcBrokerServer::new(Nothing))
        .add_service(GrpcStdioServer::new(Nothing))
}

/// Leaves when it is told to.
#[derive(Debug)]
struct Controller(CancellationToken);

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.cancel();
        Ok(Response::new(Empty {}))
    }
}

/// Has neither further connections nor output. Its streams stay open: one that ends would be taken for a fault.
#[derive(Debug)]
struct Nothing;

type Open<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl GrpcBroker for Nothing {
    type StartStreamStream = Open<ConnInfo>;

    async fn start_stream(&self, _: Request<Streaming<ConnInfo>>) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(Response::new(Box::pin(pending())))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Nothing {
    type StreamStdioStream = Open<StdioData>;

    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(Response::new(Box::pin(pending())))
    }
}
