import type { Broker, StreamState } from '../../core/broker/broker.js';
import { notYet } from '../process/not-yet.js';
import type { Surroundings } from '../process/surroundings.js';

type ReplyVerbs =
  'reply' | 'replyAndGoOn' | 'repliesWritten' | 'refuseReplies' | 'isReplyList' | 'receiveReplies';

/** The replies of one process: those that it sends, and those that it gets. */
export class MemoryReplies implements Pick<Broker, ReplyVerbs> {
  constructor(private readonly at: Surroundings) {}

  reply(..._: Parameters<Broker['reply']>): Promise<unknown> {
    return notYet('reply');
  }

  replyAndGoOn(..._: Parameters<Broker['replyAndGoOn']>): Promise<StreamState> {
    return notYet('replyAndGoOn');
  }

  repliesWritten(..._: Parameters<Broker['repliesWritten']>): Promise<unknown> | undefined {
    return undefined;
  }

  refuseReplies(..._: Parameters<Broker['refuseReplies']>): Promise<void> {
    return notYet('refuseReplies');
  }

  isReplyList(..._: Parameters<Broker['isReplyList']>): boolean {
    return false;
  }

  receiveReplies(..._: Parameters<Broker['receiveReplies']>): Promise<string> {
    void this.at;
    return notYet('receiveReplies');
  }
}
