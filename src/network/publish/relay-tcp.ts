import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { socketInNamespace } from '../../sys/index.ts';
import type { Endpoint, Relay, Target } from './relay.ts';

const mostConnections = 4096;

/** Takes connections at one address and passes their bytes to and from another. */
export async function relayTcp(at: Endpoint, to: Target): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const inner = connectTo(to);
    if (inner === undefined) {
      client.destroy();
      return;
    }
    for (const [from, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      open.add(from);
      from.on('close', () => {
        open.delete(from);
        // A reset on one side is one on the other; an orderly end has been passed on by the pipe.
        if (from.errored !== null) other.destroy();
      });
      from.on('error', () => other.destroy());
      from.pipe(other);
    }
  });
  server.maxConnections = mostConnections;
  server.listen({ host: at.address, port: at.port, ipv6Only: true });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Undefined when descriptors are used up: that costs one client, and not the container whose monitor this is. */
function connectTo({ address, port, within }: Target): Socket | undefined {
  try {
    const fd = within === undefined ? undefined : socketInNamespace(within, 'tcp');
    return new Socket({ fd, allowHalfOpen: true }).connect({ host: address, port });
  } catch {
    return undefined;
  }
}
