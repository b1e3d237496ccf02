export { Endpoint, openEndpoint } from './endpoint.ts';
export type { EndpointCounts } from './endpoint.ts';
export { FrameParser } from './frame-parser.ts';
export type {
  Handler,
  HandlerAnswer,
  IncomingRequest,
  MethodOptions,
  PeerIdentity,
  RequestOptions,
  RpcAnswer,
  RpcRequest,
} from './messages.ts';
export { defaultLimits } from './options.ts';
export type { EndpointEnvironment, EndpointLimits, EndpointOptions, NodeIdentity } from './options.ts';
export { errorFromBody, errorToBody } from './wire-error.ts';
