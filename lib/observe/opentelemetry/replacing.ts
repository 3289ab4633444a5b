import type { AggregateOption } from '../../core/options.ts';
import type { EventSink } from '../events.ts';

/**
 * For options that add a sink of one kind: the last option replaces the sinks of the others, so nothing is counted twice.
 */
export function replacing(): (sink: EventSink) => AggregateOption {
  const kind = new WeakSet<EventSink>();
  return (sink) => {
    kind.add(sink);
    return (config) => {
      const others = config.sinks.filter((other) => !kind.has(other));
      return Object.freeze({ ...config, sinks: Object.freeze([...others, sink]) });
    };
  };
}
