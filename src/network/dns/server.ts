import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { bindInNamespace, type NetworkNamespace } from '../../sys/index.ts';
import { ownNameServerRules } from '../rules.ts';
import { framed, forward, takeFramed } from './forward.ts';
import { answer, failure, isAboutAddresses, isResponse, questionOf, SERVFAIL } from './message.ts';

/** Where a container finds its name server, as with Docker: on its own loopback, so that no firewall stands between. */
export const innerNameServer = '127.0.0.11';

export interface NameServerOptions {
  readonly namespace: Pick<NetworkNamespace, 'fd'>;
  /** Addresses of a name that it answers itself; none for all others. */
  readonly lookUp: (name: string) => readonly string[];
  /** Servers that are asked all else, from the host's network. */
  readonly upstreams: () => readonly string[];
}

/** What one container may have under way. */
const mostQueries = 256;
const mostConnections = 64;
const idleTime = 10_000;

/**
 * Answers for one namespace. Its sockets are inside, on ports of the kernel's choice, and rules lead port 53 of the
 * address there: a name server that runs in the container itself finds port 53 free.
 */
export async function startNameServer(options: NameServerOptions): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const answers = new Answers(options);
  const anyPort = { address: innerNameServer, port: 0 };
  const datagrams = createSocket('udp4');
  stack.defer(() => void datagrams.close());
  // Told at once for a socket that is bound already.
  datagrams.bind({ fd: bindInNamespace(options.namespace, 'udp', anyPort) });
  const server = createServer((client) => serveConnection(client, answers));
  server.maxConnections = mostConnections;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  stack.defer(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  server.listen({ fd: bindInNamespace(options.namespace, 'tcp', anyPort) });
  await once(server, 'listening');
  serveDatagrams(datagrams, answers);
  const ports = { udp: datagrams.address().port, tcp: portOf(server) };
  stack.use(ownNameServerRules(options.namespace, innerNameServer, ports));
  // Whoever awaits the container keeps the process; a name server alone is no reason to.
  datagrams.unref();
  server.unref();
  return stack.move();
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

class Answers {
  readonly #options: NameServerOptions;
  #underWay = 0;

  constructor(options: NameServerOptions) {
    this.#options = options;
  }

  /** Undefined for what is no query, and for queries that are too many. */
  async to(query: Buffer, over: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const question = questionOf(query);
    if (question === undefined || isResponse(query) || this.#underWay >= mostQueries) return undefined;
    const own = isAboutAddresses(question) ? this.#options.lookUp(question.name) : [];
    if (own.length > 0) return answer(question, own);
    this.#underWay++;
    try {
      return (await forward(query, this.#options.upstreams(), over)) ?? failure(question, SERVFAIL);
    } finally {
      this.#underWay--;
    }
  }
}

function serveDatagrams(datagrams: Datagrams, answers: Answers): void {
  // A client that is gone already answers with an ICMP error.
  datagrams.on('error', () => undefined);
  datagrams.on('message', (query, from) => {
    void answers.to(query, 'udp').then((reply) => {
      if (reply === undefined) return;
      try {
        datagrams.send(reply, from.port, from.address, () => undefined);
      } catch {
        // Closed meanwhile, with its container.
      }
    });
  });
}

function serveConnection(client: Socket, answers: Answers): void {
  let received: Buffer = Buffer.alloc(0);
  client.setTimeout(idleTime, () => client.destroy());
  client.on('error', () => client.destroy());
  client.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let next = takeFramed(received); next !== undefined; next = takeFramed(received)) {
      received = next.rest;
      void answers.to(next.message, 'tcp').then((reply) => {
        if (reply === undefined) client.destroy();
        else if (!client.destroyed) client.write(framed(reply));
      });
    }
  });
}
