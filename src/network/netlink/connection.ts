import {
  errno,
  errnoError,
  openNetlinkSocket,
  type NetlinkSocket,
  type NetworkNamespace,
} from '../../sys/index.ts';
import {
  decodeMessages,
  encodeMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  replyOf,
  type Message,
  type ReceivedMessage,
  type Reply,
} from './message.ts';

/** A request, and the words for its failure. */
export interface Request extends Message {
  readonly doing: string;
}

/** The network that is worked on; undefined: the process's own. */
export type Within = Pick<NetworkNamespace, 'fd'> | undefined;

/** Requests and answers over one netlink socket. What was made with it and is owned by it ends with it. */
export class Connection implements Disposable, AsyncDisposable {
  readonly #socket: NetlinkSocket;
  #sequence = 0;

  constructor(protocol: 'route' | 'netfilter', namespace?: Within) {
    this.#socket = openNetlinkSocket(protocol, namespace);
  }

  /**
   * Sends the requests in one datagram and reads their acknowledgements. Throws the first failure, as the error of a
   * system call; rtnetlink carries out the others all the same, nf_tables none of a failed batch.
   */
  request(requests: readonly Request[]): void {
    const { bytes, first } = this.#encode(requests);
    this.#socket.send(bytes);
    this.#hear(requests, first);
  }

  /** The same, and this thread goes on meanwhile. The connection is for nothing else until then. */
  async requestAside(requests: readonly Request[]): Promise<void> {
    const { bytes, first } = this.#encode(requests);
    await this.#socket.sendAside(bytes);
    this.#hear(requests, first);
  }

  #encode(requests: readonly Request[]): { readonly bytes: Buffer; readonly first: number } {
    const first = this.#sequence + 1;
    const messages = requests.map(({ type, flags, body }) =>
      encodeMessage({ type, flags: flags | NLM_F_REQUEST, body }, ++this.#sequence),
    );
    return { bytes: Buffer.concat(messages), first };
  }

  #hear(requests: readonly Request[], first: number): void {
    let awaited = requests.filter(({ flags }) => (flags & NLM_F_ACK) !== 0).length;
    let failure: { readonly errno: number; readonly at: number } | undefined;
    while (awaited > 0) {
      const replies = this.#receive();
      // A batch that fails as a whole, for want of a privilege or a module, is answered by one message.
      if (replies === undefined) break;
      for (const reply of replies) {
        if (reply.kind !== 'result' || reply.sequence < first) continue;
        awaited--;
        if (reply.errno !== 0) failure ??= { errno: reply.errno, at: reply.sequence - first };
      }
    }
    if (failure !== undefined) throw errnoError(failure.errno, requests[failure.at]?.doing ?? 'netlink');
    if (awaited > 0) throw errnoError(errno.EPROTO, requests[0]?.doing ?? 'netlink');
  }

  /** All that a dump request gives. */
  dump({ type, body, doing }: Omit<Request, 'flags'>): ReceivedMessage[] {
    const message = encodeMessage({ type, flags: NLM_F_REQUEST | NLM_F_DUMP, body }, ++this.#sequence);
    this.#socket.send(message);
    const found: ReceivedMessage[] = [];
    for (;;) {
      const replies = this.#receive();
      if (replies === undefined) throw errnoError(errno.EPROTO, doing);
      for (const reply of replies) {
        if (reply.kind === 'data') {
          if (reply.message.sequence === this.#sequence) found.push(reply.message);
          continue;
        }
        if (reply.errno !== 0) throw errnoError(reply.errno, doing);
        return found;
      }
    }
  }

  #receive(): Reply[] | undefined {
    const datagram = this.#socket.receive();
    if (datagram === undefined) return undefined;
    return decodeMessages(datagram).flatMap((message) => replyOf(message) ?? []);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
  }
}
