import { checkedInstructions, type Subject } from '../subject.ts';
import type { Violation } from '../types.ts';
import { on } from './on.ts';

/** Every port of every EXPOSE, variables replaced. */
function eachPort(
  subject: Subject,
  message: (port: string) => string | undefined,
  detail: string,
): readonly Violation[] {
  return checkedInstructions(subject).flatMap(({ instruction, ports }) =>
    ports.flatMap((port) => {
      const text = message(port);
      return text === undefined ? [] : on(instruction, text, detail);
    }),
  );
}

export function exposeProtoCasing(subject: Subject): readonly Violation[] {
  return eachPort(
    subject,
    (port) => {
      const protocol = /\/([^/:]*)$/.exec(port)?.[1] ?? '';
      return protocol === protocol.toLowerCase() ? undefined : `the protocol of ${port} is not in lower case`;
    },
    'write tcp, udp or sctp',
  );
}

export function exposeInvalidFormat(subject: Subject): readonly Violation[] {
  return eachPort(
    subject,
    (port) => {
      const outside = port.split(':').slice(0, -1);
      return outside.every((part) => part === '')
        ? undefined
        : `EXPOSE ${port} names an address or port of the host`;
    },
    'EXPOSE takes the port inside the container only; publishing is for run',
  );
}
