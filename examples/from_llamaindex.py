"""A running proxy, from LlamaIndex: a question about documents of yours.

python -m modelmesh.proxy          # in another terminal; MODELMESH_URL where it is elsewhere
pip install llama-index-llms-openai-like
python examples/from_llamaindex.py
"""

import os

from llama_index.core import Document, SummaryIndex
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="chat-completion",
    api_base=os.environ.get("MODELMESH_URL", "http://localhost:8080/v1"),
    api_key=os.environ.get("MODELMESH_TOKEN", "not-needed"),
    is_chat_model=True,
    context_window=128_000,  # of the smallest model in the pool
)
documents = [
    Document(text="The lighthouse was built in 1871."),
    Document(text="Its keeper was called Anna."),
]
index = SummaryIndex.from_documents(documents)
print(index.as_query_engine(llm=llm).query("Who kept the lighthouse?"))
