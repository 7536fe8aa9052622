import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJobsApi } from '../src/api';
import type { IAhead, IDelta, IJob, IKnowledge, ISnapshot } from '../src/wire';

/** 2026-05-01 12:00 UTC, when every test begins. */
export const NOON = Date.UTC(2026, 4, 1, 12);

export const KNOWN: IKnowledge = { known: true, since: new Date(NOON).toISOString(), problem: null };

export const LOST: IKnowledge = {
  known: false,
  since: new Date(NOON).toISOString(),
  problem: { what: 'squeue gave no answer', to: 'your jobs', next: 'Nothing.' }
};

/** What lies ahead of a session that ends so many minutes after noon. */
export function ahead(minutes: number | null, rest: Partial<IAhead> = {}): IAhead {
  const ends = minutes === null ? null : new Date(NOON + minutes * 60_000).toISOString();
  return { ends, by: 'walltime', is_reservation_gone: false, outages: [], ...rest };
}

/** A running job, but for what is said. */
export function job(id: string, rest: Partial<IJob> = {}): IJob {
  return {
    id,
    user: 'ana',
    name: `job ${id}`,
    state: 'RUNNING',
    state_word: 'RUNNING',
    reason: '',
    why: '',
    account: 'ncem',
    qos: 'realtime',
    partition: 'main',
    reservation: '',
    node_count: 1,
    node_list: 'nid001',
    batch_host: 'nid001',
    submitted: new Date(NOON).toISOString(),
    starts: null,
    ends: null,
    is_final: false,
    is_waiting: false,
    ...rest
  };
}

/** Version 1 of the server "a", with these jobs. */
export function snapshot(jobs: IJob[] | null, rest: Partial<ISnapshot> = {}): ISnapshot {
  return {
    epoch: 'a',
    version: 1,
    source: 'facility',
    server_time: new Date(NOON).toISOString(),
    session_job_id: '',
    ahead: ahead(null),
    knowledge: KNOWN,
    jobs,
    ...rest
  };
}

/** From version 1 to 2 of the server "a", with these changes. */
export function delta(changes: [string, IJob | null][], rest: Partial<IDelta> = {}): IDelta {
  const listed = changes.map(([job_id, changed]) => ({ job_id, job: changed }));
  return { epoch: 'a', after: 1, version: 2, ahead: ahead(null), knowledge: KNOWN, changes: listed, ...rest };
}

/** A server whose answers a test writes down beforehand: a snapshot, null for "unchanged", or an error. */
export class ScriptedApi implements IJobsApi {
  asked = 0;
  cancelled: string[] = [];

  constructor(private readonly _answers: (ISnapshot | null | Error)[]) {}

  async snapshot(): Promise<ISnapshot | null> {
    this.asked += 1;
    const answer = this._answers.shift();
    if (answer === undefined || answer instanceof Error) {
      throw answer ?? new Error('asked once too often');
    }
    return answer;
  }

  async cancel(jobId: string): Promise<void> {
    this.cancelled.push(jobId);
  }
}

/** English, with the places filled in as JupyterLab does: of a plural the first place is its count. */
export const ENGLISH = {
  __: filled,
  _n: (one: string, many: string, count: number, ...values: unknown[]) =>
    filled(count === 1 ? one : many, count, ...values)
} as unknown as TranslationBundle;

function filled(text: string, ...values: unknown[]): string {
  return text.replace(/%(\d)/g, (_, place) => String(values[Number(place) - 1]));
}
