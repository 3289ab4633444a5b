import { background } from 'forkfast';
import { type ReactNode, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { page } from './fill-in.ts';
import { useService } from './use-service.ts';

const load = (id: string) => page(background, id);

function User({ id }: { readonly id: string }): ReactNode {
  const { value: { profile, orders } = {}, error } = useService(load, id);
  if (error) return <p role="alert">This page is not available now.</p>;
  return (
    <>
      <h1>{profile?.name ?? 'Loading the name'}</h1>
      {!orders && <p>Loading orders</p>}
      {orders?.status === 'fulfilled' && <p>{orders.value.orders} orders</p>}
      {orders?.status === 'rejected' && <p>No orders now</p>}
    </>
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
