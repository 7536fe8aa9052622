/** The answer held against the schema by which the hub decides, with the hub's own sentences. */

import { Validator, type OutputUnit } from '@cfworker/json-schema';

import { readMinutes } from './spans';
import type { Answer, IRefusal, ISchema } from './wire';

const WHOLE = /^[0-9]{1,9}$/;

/** What was written into the fields, in normal form; what is left empty is left out. */
export function readAnswer(texts: Iterable<[string, string]>, schema: ISchema): Answer {
  const answer: Answer = {};
  for (const [field, written] of texts) {
    const rule = schema.properties?.[field];
    const text = written.trim();
    if (rule && text) {
      answer[field] = valueOf(text, rule);
    }
  }
  return answer;
}

function valueOf(text: string, rule: ISchema): string | number {
  if (rule.writtenAs) {
    return readMinutes(text, rule.writtenAs) ?? text;
  }
  return rule['type'] === 'integer' && WHOLE.test(text) ? Number(text) : text;
}

interface IRanked extends IRefusal {
  rank: number[];
}

/** At most one refusal a field, in the order of the fields: the one that the hub would say. */
export function refusals(schema: ISchema, answer: Answer): IRefusal[] {
  const found = new Validator(schema, '2020-12', false).validate(answer);
  const ranked = found.errors.flatMap(error => ranks(error, schema, answer)).sort(byRank);
  const first = new Map<string, IRefusal>();
  for (const { field, reason } of ranked) {
    if (!first.has(field)) {
      first.set(field, { field, reason });
    }
  }
  return [...first.values()];
}

/** The longest walltime in minutes that the other choices allow, and whose limit it is. */
export function longestWalltime(schema: ISchema, answer: Answer): { minutes: number; reason: string } | null {
  const beyond = refusals(schema, { ...answer, walltime: Number.MAX_SAFE_INTEGER }).find(r => r.field === 'walltime');
  const found = new Validator(schema, '2020-12', false).validate({ ...answer, walltime: Number.MAX_SAFE_INTEGER });
  const limits = found.errors
    .filter(error => error.keyword === 'maximum' && error.instanceLocation === '#/walltime')
    .map(error => Number(at(schema, error.keywordLocation)));
  return beyond && limits.length ? { minutes: Math.min(...limits), reason: beyond.reason } : null;
}

function ranks(error: OutputUnit, schema: ISchema, answer: Answer): IRanked[] {
  const path = steps(error.keywordLocation);
  const said = (at(schema, parentOf(error.keywordLocation)) as ISchema | undefined)?.errorMessage?.[error.keyword];
  const fields = Object.keys(schema.properties ?? {});
  if (typeof said === 'object') {
    const missing = Object.entries(said).filter(([field]) => error.keyword === 'required' && !(field in answer));
    return missing.map(([field, reason]) => ({ field, reason, rank: [fields.indexOf(field), 1, 0, -path.length] }));
  }
  const field = steps(error.instanceLocation)[0];
  if (said === undefined || field === undefined) {
    return []; // a rule that failed because of another one, which says why
  }
  const limit = error.keyword === 'maximum' ? Number(at(schema, error.keywordLocation)) : 0;
  const kind = error.keyword === 'not' ? 0 : error.keyword === 'maximum' ? 2 : 1;
  const reason = said.replaceAll('${0}', () => JSON.stringify(answer[field]));
  return [{ field, reason, rank: [fields.indexOf(field), kind, limit, -path.length] }];
}

function byRank(one: IRanked, other: IRanked): number {
  for (const [index, value] of one.rank.entries()) {
    const difference = value - (other.rank[index] ?? 0);
    if (difference) {
      return difference;
    }
  }
  return 0;
}

/** The names along a JSON pointer (RFC 6901) in a fragment. */
function steps(pointer: string): string[] {
  const parts = pointer.replace(/^#/, '').split('/').slice(1);
  return parts.map(part => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}

function parentOf(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf('/'));
}

function at(schema: unknown, pointer: string): unknown {
  return steps(pointer).reduce<unknown>((inside, step) => (inside as Record<string, unknown> | undefined)?.[step], schema);
}
