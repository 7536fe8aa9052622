import type { IJob } from './wire';

/** This session first, then what runs, what waits and what ended; within each the newest first. */
export function inOrder(jobs: Iterable<IJob>, sessionJobId: string): IJob[] {
  const rank = (job: IJob): number => (job.id === sessionJobId ? 0 : job.is_final ? 3 : job.is_waiting ? 2 : 1);
  const submitted = (job: IJob): number => (job.submitted ? Date.parse(job.submitted) : 0);
  const keyed = [...jobs].map(job => ({ job, rank: rank(job), at: submitted(job) }));
  keyed.sort((a, b) => a.rank - b.rank || b.at - a.at || b.job.id.localeCompare(a.job.id, 'en', { numeric: true }));
  return keyed.map(({ job }) => job);
}

/** A test for jobs in which every word of `filter` occurs, in whatever case. */
export function matcher(filter: string): (job: IJob) => boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return job => {
    const text = [
      job.id, job.name, job.state, job.state_word, job.reason, job.why,
      job.account, job.qos, job.partition, job.reservation, job.node_list
    ].join('\n').toLowerCase();
    return words.every(word => text.includes(word));
  };
}
