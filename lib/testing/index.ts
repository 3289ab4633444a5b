// Virtual time
export { marbles } from './marbles.ts';
export { abortAt, deadlineAfter } from './contexts.ts';

// What a run tells
export { recordEvents } from './record-events.ts';
export type { RecordedEvents } from './record-events.ts';
export { recordingLogger } from './recording-logger.ts';
export type { LogLine, RecordingLogger } from './recording-logger.ts';

// The wire, and what is left behind
export { fakeFetch } from './fake-fetch.ts';
export type { FakeAnswer, FakeCall, FakeFetch } from './fake-fetch.ts';
export { expectNoLeaks } from './expect-no-leaks.ts';
export type { LeakOptions } from './expect-no-leaks.ts';
