import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Most bytes of a message, of OpenSSH's own agent. */
const maxMessage = 256 * 1024;

/** Connections at once; a step with more waits, and takes no more descriptors from the builder. */
const maxConnections = 256;

/** draft-ietf-sshm-ssh-agent, section 6.1. */
const failure = Buffer.from([0, 0, 0, 1, 5]);
const requestIdentities = 11;
const signRequest = 13;
const extension = 27;

/**
 * What a step may ask of the user's agent: which keys there are, to sign with one, and extensions (of which
 * `session-bind@openssh.com` restricts what is signed). It may not add keys, remove or lock those of the user.
 */
const allowed: ReadonlySet<number> = new Set([requestIdentities, signRequest, extension]);

/**
 * Listens on `path` and passes such requests on to the agent; everything else gets SSH_AGENT_FAILURE. Ends, with all its
 * connections, when it is disposed.
 */
export async function proxySshAgent(path: string, agent: string): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(agent);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        // Of the pair neither is of use without the other.
        client.destroy();
        upstream.destroy();
      });
      // It closes, which is told above.
      socket.on('error', () => undefined);
    }
    void serve(client, upstream);
  });
  server.maxConnections = maxConnections;
  await listening(server, path);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** One request at a time, so that every answer goes to its question. */
async function serve(client: Socket, upstream: Socket): Promise<void> {
  try {
    const answers = messages(upstream);
    for await (const request of messages(client)) {
      if (!allowed.has(request[4] ?? 0)) {
        await send(client, failure);
        continue;
      }
      await send(upstream, request);
      const answer = await answers.next();
      if (answer.done === true) break;
      await send(client, answer.value);
    }
  } catch {
    // A connection that breaks, or says what is no message, ends.
  } finally {
    client.destroy();
    upstream.destroy();
  }
}

/** Whole messages with their length in front; ends with the stream, throws for a length that none has. */
async function* messages(socket: Socket): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    parts.push(chunk);
    size += chunk.length;
    for (;;) {
      const wanted = size < 4 ? undefined : lengthOf(parts);
      if (wanted === undefined || size < wanted) break;
      const all = Buffer.concat(parts);
      yield all.subarray(0, wanted);
      parts = [all.subarray(wanted)];
      size -= wanted;
    }
  }
}

/** Of the first message, with its four bytes of length. */
function lengthOf(parts: Buffer[]): number {
  const [first] = parts;
  if (first === undefined || first.length < 4) parts.splice(0, parts.length, Buffer.concat(parts));
  const length = parts[0]?.readUInt32BE(0) ?? 0;
  if (length < 1 || length > maxMessage) throw new Error('not a message of the agent protocol');
  return 4 + length;
}

async function send(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.write(bytes) || socket.destroyed) return;
  await new Promise<void>((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', () => resolve());
  });
}
