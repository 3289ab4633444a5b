import type { Server } from 'node:http';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type DynamicModule,
  type ExceptionFilter,
  Get,
  Inject,
  Module,
  Param,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Response } from 'express';
import { background, ForkfastError } from 'forkfast';
import type { Observable } from 'rxjs';
import type { Dashboard, User } from '../dashboard.ts';
import { problemOf } from './problem-of.ts';

const DASHBOARD = Symbol('dashboard');

@Controller('users')
class UsersController {
  constructor(@Inject(DASHBOARD) private readonly dashboard: Dashboard) {}

  @Get(':id')
  user(@Param('id') id: string): Observable<User> {
    return this.dashboard(background, id); // Nest unsubscribes when the client disconnects, but 12.0 does not
  }
}

@Catch(ForkfastError)
class Failures implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const problem = problemOf(error);
    host.switchToHttp().getResponse<Response>().status(problem.status).type('application/problem+json').json(problem);
  }
}

@Module({ controllers: [UsersController] })
class UsersModule {
  static of(dashboard: Dashboard): DynamicModule {
    return { module: UsersModule, providers: [{ provide: DASHBOARD, useValue: dashboard }] };
  }
}

/** `GET /users/:id` on NestJS. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const app = await NestFactory.create(UsersModule.of(dashboard), { logger: ['error', 'warn'] });
  app.useGlobalFilters(new Failures());
  await app.listen(port, '127.0.0.1');
  return app.getHttpServer() as Server;
}
