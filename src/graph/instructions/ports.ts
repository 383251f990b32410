import { TsbuildError } from '../../core/index.ts';

const protocols: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

/** EXPOSE words as `port/protocol`, ranges spelt out (L-195). `ip:host:container` counts as its container port. */
export function parsePorts(words: readonly string[]): readonly string[] {
  return words.flatMap(parsePort);
}

function parsePort(word: string): readonly string[] {
  const [ports = '', protocol = '', ...rest] = word.split('/');
  const lower = protocol === '' ? 'tcp' : protocol.toLowerCase();
  if (rest.length > 0 || !protocols.has(lower))
    throw invalid(word, `invalid protocol ${JSON.stringify(protocol)}`);
  const container = ports.slice(ports.lastIndexOf(':') + 1);
  const match = /^(\d+)(?:-(\d+))?$/.exec(container);
  if (match?.[1] === undefined) throw invalid(word, `invalid port ${JSON.stringify(container)}`);
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  if (last > 65_535 || first > last) throw invalid(word, `invalid port range ${JSON.stringify(container)}`);
  return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}/${lower}`);
}

function invalid(word: string, why: string): TsbuildError {
  return new TsbuildError('DOCKERFILE_INVALID', `EXPOSE ${word}: ${why}`, {
    hint: 'write port[-port][/tcp|udp|sctp], with ports from 0 to 65535',
    fault: word,
  });
}
