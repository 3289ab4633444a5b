import { background } from 'forkfast';
import type { Observable } from 'rxjs';
import { createApp, defineComponent, h, ref, type Ref, shallowRef, watchEffect } from 'vue';
import { dashboard } from './dashboard.ts';

interface Answer<T> {
  readonly value?: T;
  readonly error?: unknown;
}

/** Returns the state of a call. It starts again when a value that `call` reads changes, and is canceled then and on unmounting. */
function useService<T>(call: () => Observable<T>): Readonly<Ref<Answer<T>>> {
  const answer = shallowRef<Answer<T>>({});
  watchEffect((onCleanup) => {
    answer.value = {};
    const subscription = call().subscribe({
      next: (value) => {
        answer.value = { value };
      },
      error: (error: unknown) => {
        answer.value = { error };
      },
    });
    onCleanup(() => {
      subscription.unsubscribe();
    });
  });
  return answer;
}

const User = defineComponent(
  (props: { readonly id: string }) => {
    const answer = useService(() => dashboard(background, props.id));
    return () => {
      const { value, error } = answer.value;
      if (error) return h('p', { role: 'alert' }, 'This page is not available now.');
      if (!value) return h('p', 'Loading');
      return h('p', `${value.profile.name} has ${String(value.orders.orders)} orders`);
    };
  },
  { props: ['id'] },
);

const App = defineComponent(() => {
  const id = ref('');
  const onInput = (event: Event): void => {
    id.value = (event.target as HTMLInputElement).value;
  };
  return () => [h('label', ['User ', h('input', { value: id.value, onInput })]), id.value && h(User, { id: id.value })];
});

createApp(App).mount('#app');
