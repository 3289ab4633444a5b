// Virtual time
export { marbles } from './marbles/marbles.ts';
export { abortAt, deadlineAfter } from './contexts.ts';

// The events and log lines of a run
export { recordEvents } from './record-events.ts';
export type { RecordedEvents } from './record-events.ts';
export { recordingLogger } from './recording-logger.ts';
export type { LogLine, RecordingLogger } from './recording-logger.ts';

// Requests, and leaks
export { fakeFetch } from './fetch/fake-fetch.ts';
export type { FakeAnswer, FakeCall, FakeFetch } from './fetch/fake-fetch.ts';
export { expectNoLeaks } from './leaks/expect-no-leaks.ts';
export type { LeakOptions } from './leaks/expect-no-leaks.ts';
