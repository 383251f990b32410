import { TsbuildError } from '../../core/index.ts';
import { randomBelow } from '../../sys/index.ts';

const qualities = [
  'amber',
  'bold',
  'brisk',
  'calm',
  'clever',
  'crisp',
  'eager',
  'fair',
  'fond',
  'gentle',
  'glad',
  'keen',
  'kind',
  'lively',
  'merry',
  'mild',
  'neat',
  'noble',
  'proud',
  'quick',
  'quiet',
  'rapid',
  'ready',
  'sharp',
  'smooth',
  'steady',
  'sunny',
  'swift',
  'tidy',
  'warm',
  'witty',
  'young',
] as const;
const birds = [
  'avocet',
  'bittern',
  'bunting',
  'crane',
  'curlew',
  'dipper',
  'dunlin',
  'egret',
  'falcon',
  'finch',
  'grebe',
  'heron',
  'hoopoe',
  'ibis',
  'jackdaw',
  'kestrel',
  'lapwing',
  'linnet',
  'magpie',
  'martin',
  'osprey',
  'petrel',
  'pipit',
  'plover',
  'raven',
  'robin',
  'siskin',
  'swallow',
  'swift',
  'tern',
  'thrush',
  'wren',
] as const;

/** A name for a container that got none: easier to say and to type than its id. */
export function randomName(): string {
  const quality = qualities[randomBelow(qualities.length)] ?? qualities[0];
  const bird = birds[randomBelow(birds.length)] ?? birds[0];
  return `${quality}_${bird}_${randomBelow(1000).toString().padStart(3, '0')}`;
}

/** Throws USAGE for what is no name of a container. */
export function checkContainerName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$/.test(name)) return;
  throw new TsbuildError('USAGE', `invalid container name: ${JSON.stringify(name)}`, {
    hint: 'letters, digits, _ . and -, at least two',
  });
}
