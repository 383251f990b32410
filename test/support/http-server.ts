import type { ServerResponse } from 'node:http';

import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';

export interface TestServer extends FaultProxy {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
}

export type Answer = (response: ServerResponse) => void;

/** A server that answers one request after the other with these, the last one for good. */
export async function serve(...answers: readonly Answer[]): Promise<TestServer> {
  let count = 0;
  const server = await startFaultProxy(undefined, (_request, response) => {
    answers[Math.min(count, answers.length - 1)]?.(response);
    count += 1;
    return true;
  });
  return Object.assign(server, { origin: `http://${server.host}` });
}

/** A server of files by their paths; everything else is a 404. */
export async function serveFiles(files: Readonly<Record<string, string | Uint8Array>>): Promise<TestServer> {
  const server = await startFaultProxy(undefined, (request, response) => {
    const body = files[(request.url ?? '').replace(/\?.*$/, '')];
    if (body === undefined) return false;
    response.writeHead(200).end(body);
    return true;
  });
  return Object.assign(server, { origin: `http://${server.host}` });
}

export function answer(body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => void response.writeHead(200, headers).end(body);
}

export function answerStatus(status: number): Answer {
  return (response) => void response.writeHead(status).end();
}
