"""A running proxy, from LangChain: a chain whose answer arrives in pieces.

python -m modelmesh.proxy          # in another terminal; MODELMESH_URL where it is elsewhere
pip install langchain-openai
python examples/from_langchain.py
"""

import os

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="chat-completion",
    base_url=os.environ.get("MODELMESH_URL", "http://localhost:8080/v1"),
    api_key=os.environ.get("MODELMESH_TOKEN", "not-needed"),
)
prompt = ChatPromptTemplate([("system", "Answer in {language}."), ("user", "{question}")])
chain = prompt | model | StrOutputParser()

for piece in chain.stream({"language": "French", "question": "What is a mesh?"}):
    print(piece, end="", flush=True)
print()
