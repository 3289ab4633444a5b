export { ClientDisconnectedError } from './client-disconnected-error.ts';
export { contextOf } from './context-of.ts';
export type { ContextOptions, NodeRequest, NodeResponse, ServerContext, WebRequest } from './context-of.ts';
export { problemOf, toResponse } from './problem-of.ts';
export type { Problem, ProblemBody } from './problem-of.ts';
