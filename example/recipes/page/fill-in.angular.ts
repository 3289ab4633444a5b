import '@angular/compiler'; // links the packages of Angular, as the Angular CLI does in a build
import { Component, input, signal } from '@angular/core';
import { rxResource } from '@angular/core/rxjs-interop';
import { bootstrapApplication } from '@angular/platform-browser';
import { background } from 'forkfast';
import { page } from './fill-in.ts';

@Component({
  selector: 'app-user',
  template: `
    @if (user.error()) {
      <p role="alert">This page is not available now.</p>
    } @else {
      <h1>{{ user.value().profile?.name ?? 'Loading the name' }}</h1>
      @if (user.value().orders; as orders) {
        <p>{{ orders.status === 'fulfilled' ? orders.value.orders + ' orders' : 'No orders now' }}</p>
      } @else {
        <p>Loading orders</p>
      }
    }
  `,
})
class User {
  readonly id = input.required<string>();
  readonly user = rxResource({
    params: () => this.id(),
    stream: ({ params: id }) => page(background, id),
    defaultValue: {},
  });
}

@Component({
  selector: '#app',
  imports: [User],
  template: `
    <label>User <input #field (input)="id.set(field.value)" /></label>
    @if (id()) {
      <app-user [id]="id()" />
    }
  `,
})
class App {
  readonly id = signal('');
}

bootstrapApplication(App).catch((error: unknown) => {
  console.error(error);
});
