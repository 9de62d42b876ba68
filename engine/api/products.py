"""Products: create, list, show, update, delete (iotda-rest.md A.2, A.4)."""

from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.authentication import CallerOf
from engine.api.body import StrictBody
from engine.api.changes import audit_entry
from engine.api.problems import ApiProblem, Problem, raise_refusal, unless_refused
from engine.api.product_schema import (
    CreateProduct,
    ProductAnswer,
    ProductList,
    UpdateProduct,
    device_model_text,
    product_answer,
    product_summary,
)
from engine.api.schema import DEFAULT_APP, ID, NAME, ProductIdPath, ProjectIdPath, page_of
from engine.api.services import ApiServices, ServicesOf
from engine.registry.record import Product
from engine.registry.store import PageRequest, ProductFilter, ProductUpdate

AppIdQuery = Annotated[str | None, QueryParameter(max_length=36, pattern=ID, description="The resource space.")]


@post("/", dto=StrictBody[CreateProduct], responses=PROBLEMS, summary="CreateProduct", operation_id="CreateProduct")
async def create_product(
    project_id: ProjectIdPath, data: JSONBody[CreateProduct], caller: CallerOf, services: ServicesOf
) -> ProductAnswer:
    """Create a product: a device model, and the protocol that its devices speak."""
    device_model = device_model_text(data.service_capabilities)
    now = services.clock.wall()
    record_id = await services.store.allocate_record_id(now)
    product = Product(
        record_id=record_id,
        project_id=project_id,
        product_id=data.product_id or record_id,
        name=data.name,
        device_type=data.device_type,
        protocol_type=data.protocol_type,
        data_format=data.data_format,
        manufacturer_name=data.manufacturer_name,
        industry=data.industry,
        description=data.description,
        app_id=data.app_id or DEFAULT_APP,
        service_capabilities=device_model,
        created_at=int(now),
    )
    audit = audit_entry(
        services,
        caller,
        "product.create",
        product.product_id,
        name=product.name,
        device_type=product.device_type,
        protocol_type=product.protocol_type,
    )
    raise_refusal(await services.store.add_product(product, audit))
    return product_answer(product)


@get("/", responses=PROBLEMS, summary="ListProducts", operation_id="ListProducts")
async def list_products(
    project_id: ProjectIdPath,
    page: NamedDependency[PageRequest],
    matching: NamedDependency[ProductFilter],
    services: ServicesOf,
) -> ProductList:
    """List products, newest first, without their device models."""
    found = await services.store.list_products(project_id, matching, page)
    return ProductList(
        [product_summary(product) for product in found.products],
        page_of([product.record_id for product in found.products], found.count),
    )


@get("/{product_id:str}", responses=PROBLEMS, summary="ShowProduct", operation_id="ShowProduct")
async def show_product(
    project_id: ProjectIdPath, product_id: ProductIdPath, services: ServicesOf, app_id: AppIdQuery = None
) -> ProductAnswer:
    """Show a product, its device model included."""
    return product_answer(await _find_product(services, project_id, product_id, app_id))


@put(
    "/{product_id:str}",
    dto=StrictBody[UpdateProduct],
    responses=PROBLEMS,
    summary="UpdateProduct",
    operation_id="UpdateProduct",
)
async def update_product(
    project_id: ProjectIdPath,
    product_id: ProductIdPath,
    data: JSONBody[UpdateProduct],
    caller: CallerOf,
    services: ServicesOf,
) -> ProductAnswer:
    """Change what is given of a product. Its devices keep their protocol, so it keeps its own while it has any."""
    model = None if data.service_capabilities is None else device_model_text(data.service_capabilities)
    await _find_product(services, project_id, product_id, data.app_id)
    update = ProductUpdate(
        name=data.name,
        device_type=data.device_type,
        protocol_type=data.protocol_type,
        data_format=data.data_format,
        manufacturer_name=data.manufacturer_name,
        industry=data.industry,
        description=data.description,
        service_capabilities=model,
    )
    audit = audit_entry(services, caller, "product.update", product_id)
    return product_answer(unless_refused(await services.store.update_product(project_id, product_id, update, audit)))


@delete("/{product_id:str}", responses=PROBLEMS, summary="DeleteProduct", operation_id="DeleteProduct")
async def delete_product(
    project_id: ProjectIdPath,
    product_id: ProductIdPath,
    caller: CallerOf,
    services: ServicesOf,
    app_id: AppIdQuery = None,
) -> None:
    """Delete a product. Refused while it has devices."""
    product = await _find_product(services, project_id, product_id, app_id)
    audit = audit_entry(
        services, caller, "product.delete", product_id, name=product.name, protocol_type=product.protocol_type
    )
    raise_refusal(await services.store.delete_product(project_id, product_id, audit))


def product_filter(
    app_id: AppIdQuery = None,
    product_name: Annotated[str | None, QueryParameter(max_length=64, pattern=NAME, description="As a prefix.")] = None,
) -> ProductFilter:
    """ListProducts' filters (iotda-rest.md A.2), as a Litestar dependency."""
    return ProductFilter(app_id=app_id, product_name=product_name)


async def _find_product(services: ApiServices, project_id: str, product_id: str, app_id: str | None) -> Product:
    """The project's product, in that resource space where one is named. ApiProblem when there is none."""
    products = await services.store.products(project_id, [product_id])
    if product_id not in products or app_id not in (None, products[product_id].app_id):
        raise ApiProblem(Problem.PRODUCT_ABSENT)
    return products[product_id]


products_router = Router(
    "/products",
    route_handlers=[create_product, list_products, show_product, update_product, delete_product],
    dependencies={"matching": Provide(product_filter, sync_to_thread=False)},
    tags=["products"],
)
