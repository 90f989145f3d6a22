import { isValidElement, type ReactNode } from "react";
import Markdown, { defaultUrlTransform, type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { CopyButton } from "../../components/CopyButton";
import { InlineImage } from "../conversation/InlineImage";
import { useHighlighted } from "./useHighlighted";

const plugins = [remarkGfm];

const components: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  ),
  img: ({ src, alt }) => (
    <InlineImage source={typeof src === "string" ? src : null} description={alt ?? null} />
  ),
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  // Tables that line things up have no words in their head.
  thead: ({ node, children }) => (node && !hasText(node) ? null : <thead>{children}</thead>),
  table: ({ children }) => (
    <div className="markdown-table">
      <table>{children}</table>
    </div>
  ),
};

interface TreePart {
  type: string;
  value?: string;
  children?: readonly TreePart[];
}

/** Whether anything stands in a piece of a document: words, or an image. */
function hasText(part: TreePart): boolean {
  if (part.type === "text") return (part.value ?? "").trim() !== "";
  return part.children?.some(hasText) ?? false;
}

function keptUrl(url: string, key: string): string {
  if (key === "src" && /^data:image\//i.test(url)) return url;
  return defaultUrlTransform(url);
}

/** One block of Markdown. Raw HTML in it is shown as text. */
export default function MarkdownBlock({ text }: { text: string }) {
  return (
    <Markdown remarkPlugins={plugins} components={components} urlTransform={keptUrl}>
      {text}
    </Markdown>
  );
}

function CodeBlock({ children }: { children?: ReactNode }) {
  const code = isValidElement<{ className?: string; children?: ReactNode }>(children)
    ? children.props
    : null;
  const text = typeof code?.children === "string" ? code.children.replace(/\n$/, "") : null;
  const language = /language-([\w+#-]+)/.exec(code?.className ?? "")?.[1];
  const html = useHighlighted(text, language?.toLowerCase());
  if (text === null) return <pre>{children}</pre>;
  return (
    <div className="code-block group/code">
      <div className="code-block-head">
        <span>{language ?? "text"}</span>
        <CopyButton
          text={text}
          label="Copy code"
          className="opacity-0 group-hover/code:opacity-100 focus-visible:opacity-100"
        />
      </div>
      <pre>
        {html === null ? <code>{text}</code> : <code dangerouslySetInnerHTML={{ __html: html }} />}
      </pre>
    </div>
  );
}
