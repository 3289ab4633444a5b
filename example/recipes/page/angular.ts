import '@angular/compiler'; // links the packages of Angular, as the Angular CLI does in a build
import { Component, input, signal } from '@angular/core';
import { rxResource } from '@angular/core/rxjs-interop';
import { bootstrapApplication } from '@angular/platform-browser';
import { background } from 'forkfast';
import { dashboard } from './dashboard.ts';

/** The resource calls the service again when the id changes. It cancels the run then and when the component is destroyed. */
@Component({
  selector: 'app-user',
  template: `
    @if (user.error()) {
      <p role="alert">This page is not available now.</p>
    } @else if (user.hasValue()) {
      <p>{{ user.value().profile.name }} has {{ user.value().orders.orders }} orders</p>
    } @else {
      <p>Loading</p>
    }
  `,
})
class User {
  readonly id = input.required<string>();
  readonly user = rxResource({
    params: () => this.id(),
    stream: ({ params: id }) => dashboard(background, id),
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
