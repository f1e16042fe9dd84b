/** The books: what was published, to whom, and who must have it in the end, because nothing stood in the way all along. */
import type { MessageId, UserId } from "../../../../src/protocol/ids.ts";
import type { AcceptedMessage, Audience } from "../../../../src/protocol/message.ts";
import type { Spell } from "./spell.ts";
import type { User } from "./user.ts";

export interface Post {
  readonly message: AcceptedMessage;
  readonly audience: Audience;
  /** Whether the publisher was told so. */
  accepted: boolean;
  /** Whether somebody has asked for it to be retracted or replaced. */
  takenBack: boolean;
  /**
   * For each user who belonged to the audience when it was published: what must go on until it has been fanned
   * out, and what must go on to the end, for the user to have it then.
   */
  readonly expected: readonly { readonly user: User; readonly fanOut: Spell; readonly whole: Spell }[];
  /** Of every user, the storage as it was then. */
  readonly storages: ReadonlyMap<UserId, Spell>;
}

const always: Spell = { endedAt: Number.POSITIVE_INFINITY };

export class Book {
  readonly posts = new Map<MessageId, Post>();

  /** As the publisher asks for it, for the first time. */
  open(message: AcceptedMessage, audience: Audience, users: readonly User[]): Post {
    const known = this.posts.get(message.id);
    if (known !== undefined) return known;
    const post: Post = {
      message,
      audience,
      accepted: false,
      takenBack: false,
      expected: users.flatMap((user) => expectation(user, audience)),
      storages: new Map(users.map(({ user, storageSpell }) => [user, storageSpell])),
    };
    this.posts.set(message.id, post);
    const ended = this.posts.get(message.retracts ?? message.replaces ?? message.id);
    if (ended !== undefined && ended !== post) ended.takenBack = true;
    return post;
  }
}

function expectation(user: User, audience: Audience): Post["expected"] {
  if ("users" in audience) {
    if (!audience.users.includes(user.user)) return [];
    return [{ user, fanOut: always, whole: user.storageSpell }];
  }
  if ("topic" in audience) {
    const member = user.memberSpells.get(audience.topic);
    return member === undefined ? [] : [{ user, fanOut: member, whole: user.storageSpell }];
  }
  // What is for all comes again even to who lost everything.
  if (audience.everyone === "all") return [{ user, fanOut: always, whole: user.accountSpell }];
  const { onlineSpell } = user;
  return onlineSpell === undefined ? [] : [{ user, fanOut: onlineSpell, whole: user.storageSpell }];
}
