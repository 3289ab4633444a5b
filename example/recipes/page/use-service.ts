import { useEffect, useState } from 'react';
import type { Observable } from 'rxjs';

/** Has neither field until the call emits or errors. */
export interface Answer<T> {
  readonly value?: T;
  readonly error?: unknown;
}

/** Returns the state of `call(input)`. It starts again when either changes, and is canceled then and on unmounting. */
export function useService<In, Out>(call: (input: In) => Observable<Out>, input: In): Answer<Out> {
  const [answer, setAnswer] = useState<Answer<Out>>({});
  useEffect(() => {
    setAnswer({});
    const subscription = call(input).subscribe({
      next: (value) => {
        setAnswer({ value });
      },
      error: (error: unknown) => {
        setAnswer({ error });
      },
    });
    return () => {
      subscription.unsubscribe();
    };
  }, [call, input]);
  return answer;
}
