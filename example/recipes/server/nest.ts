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
  Req,
  Res,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request, Response } from 'express';
import { ForkfastError } from 'forkfast';
import { contextOf, problemOf } from 'forkfast/server';
import type { Observable } from 'rxjs';
import type { Dashboard, User } from '../dashboard.ts';

const DASHBOARD = Symbol('dashboard');

@Controller('users')
class UsersController {
  constructor(@Inject(DASHBOARD) private readonly dashboard: Dashboard) {}

  @Get(':id')
  user(
    @Param('id') id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Observable<User> {
    return this.dashboard(contextOf(request, response, { propagate: ['x-request-id'] }), id);
  }
}

@Catch(ForkfastError)
class Failures implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const { status, headers, body } = problemOf(error);
    host.switchToHttp().getResponse<Response>().status(status).set(headers).json(body);
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
