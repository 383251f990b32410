import { createReadStream } from 'node:fs';
import { openStore } from '../../src/store/index.ts';

// A process of its own that works on a store, for tests of what several processes do and of what a killed one leaves.
// usage: store-child.ts ROOT COMMAND ARGUMENTS…; it prints one line when it is where the test wants it.

const [root = '', command = '', argument = ''] = process.argv.slice(2);
const store = await openStore(root);

const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** Until the test kills this process, or ends its input. */
const forever = (): Promise<void> =>
  new Promise((resolve) => {
    process.stdin.resume().once('end', resolve);
  });

switch (command) {
  case 'put': {
    // Waits for the start, so that all children of a race begin together.
    say('ready');
    await forever();
    say((await store.blobs.put(createReadStream(argument))).digest);
    break;
  }
  case 'put-half': {
    await store.blobs.put(
      (async function* () {
        yield Buffer.alloc(2_000_000, argument);
        say('writing');
        await forever();
      })(),
    );
    break;
  }
  case 'temp-dir': {
    say((await store.tempDir()).path);
    await forever();
    break;
  }
  case 'lock': {
    await using _lock = await store.lock(argument);
    say('locked');
    await forever();
    break;
  }
  case 'lease': {
    await using lease = await store.lease();
    await using _lock = await store.lock(`of-${process.pid}`);
    await lease.keep(JSON.parse(argument) as Parameters<typeof lease.keep>[0]);
    say('leased');
    await forever();
    break;
  }
  case 'after-deaths': {
    await store.afterDeaths(async () => {
      say('clearing');
      await forever();
    });
    say('done');
    break;
  }
  case 'ref': {
    say('ready');
    await forever();
    const { digest, size } = await store.blobs.put(Buffer.from('{}'));
    await store.refs.set({ name: argument, target: { mediaType: 'application/json', digest, size } });
    break;
  }
  case 'count': {
    // Reads, waits and writes a number that another process would spoil without the lock.
    for (let i = 0; i < 20; i += 1) {
      await using _lock = await store.lock('counter');
      const before = (await store.records.get('ops', 'counter')) ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 1));
      await store.records.put('ops', 'counter', Number(before) + 1);
    }
    break;
  }
  default:
    throw new Error(`no such command: ${command}`);
}
await store[Symbol.asyncDispose]();
