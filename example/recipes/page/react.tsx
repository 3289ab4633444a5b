import { background } from 'forkfast';
import { type ReactNode, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { dashboard } from './dashboard.ts';
import { useService } from './use-service.ts';

const user = (id: string) => dashboard(background, id);

function User({ id }: { readonly id: string }): ReactNode {
  const { value, error } = useService(user, id);
  if (error) return <p role="alert">This page is not available now.</p>;
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
