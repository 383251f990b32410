import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';
import { DockerClient, type DockerEngineAddress } from './docker-engine.ts';

let shared: Promise<DockerClient> | undefined;

/** The Docker engine of this run of the tests, started by the first that asks; the Debian base is in it. */
export function dockerEngine(): Promise<DockerClient> {
  shared ??= connectToEngine();
  return shared;
}

async function connectToEngine(): Promise<DockerClient> {
  const answer = JSON.parse(await text(connect(inject('engineSocket')))) as
    { address: DockerEngineAddress; error?: undefined } | { error: string };
  if (answer.error !== undefined) throw new Error(answer.error);
  return new DockerClient(answer.address);
}
