import { background } from 'forkfast';
import { type ReactNode, StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { Observable } from 'rxjs';
import { dashboard } from './dashboard.ts';

interface Answer<T> {
  readonly value?: T;
  readonly error?: unknown;
}

/** Returns the state of `call(input)`. It starts again when either changes, and is canceled then and on unmounting. */
function useService<In, Out>(call: (input: In) => Observable<Out>, input: In): Answer<Out> {
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

const user = (id: string) => dashboard(background, id);

function User({ id }: { readonly id: string }): ReactNode {
  const { value, error } = useService(user, id);
  if (error instanceof Error) return <p role="alert">{error.message}</p>;
  if (!value) return <p>Loading</p>;
  return (
    <p>
      {value.profile.name} has {value.orders.orders} orders
    </p>
  );
}

function App(): ReactNode {
  const [id, setId] = useState('');
  return (
    <>
      <label>
        User{' '}
        <input
          value={id}
          onChange={(event) => {
            setId(event.target.value);
          }}
        />
      </label>
      {id && <User id={id} />}
    </>
  );
}

const root = document.getElementById('app');
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
