/** The types of the wire: docs/reference/lab.md describes them, server_ext/wire.py writes them. */

/** One batch job, named as facility.models.Job names its fields. Strings come from the scheduler and from users. */
export interface IJob {
  id: string;
  user: string;
  name: string;
  state: string;
  state_word: string;
  reason: string;
  why: string;
  account: string;
  qos: string;
  partition: string;
  reservation: string;
  node_count: number;
  node_list: string;
  batch_host: string;
  submitted: string | null;
  starts: string | null;
  ends: string | null;
  is_final: boolean;
  is_waiting: boolean;
}

/** What went wrong, to what, and what to do next. */
export interface IProblem {
  what: string;
  to: string;
  next: string;
}

/** Whether the jobs are what the scheduler says now; `since` is then since when, else the last time they were. */
export interface IKnowledge {
  known: boolean;
  since: string;
  problem: IProblem | null;
}

/** An outage that begins during the session. */
export interface IOutage {
  id: string;
  resource: string; // empty: the whole facility
  starts: string;
  ends: string | null;
  description: string;
  state: string;
}

/** What lies ahead of the session; `ends` is the earliest moment at which it may end. */
export interface IAhead {
  ends: string | null;
  by: 'walltime' | 'reservation';
  is_reservation_gone: boolean;
  outages: IOutage[];
}

/** Everything to begin with. `jobs` is null while they were never known, which is not the same as none. */
export interface ISnapshot {
  epoch: string;
  version: number;
  source: 'facility' | 'slurm' | 'none';
  server_time: string;
  session_job_id: string;
  ahead: IAhead;
  knowledge: IKnowledge;
  jobs: IJob[] | null;
}

/** What turns version `after` into `version`. */
export interface IDelta {
  epoch: string;
  after: number;
  version: number;
  ahead: IAhead;
  knowledge: IKnowledge;
  changes: { job_id: string; job: IJob | null }[];
}

/** The schema of the event that carries an IDelta. */
export const DELTA_SCHEMA = 'urn:beamside:job-delta:v1';
